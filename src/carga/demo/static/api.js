// The server's API. A set-top box names itself in its user agent; elsewhere the page's address may say who it is.

const here = new URLSearchParams(location.search);

/** Adds who we are to a path, when the page's address says so. */
export function addressed(path, parameters = {}) {
  const query = new URLSearchParams(parameters);
  for (const name of ["serial", "mac"]) if (here.has(name)) query.set(name, here.get(name));
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(method, path, parameters, body) {
  const options = { method };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  const answer = await fetch(addressed(path, parameters), options);
  if (!answer.ok) {
    const { error } = await answer.json().catch(() => ({}));
    throw new ApiError(answer.status, error || `The server answered ${answer.status}.`);
  }
  return answer.status === 204 ? null : answer.json();
}

export const api = {
  beginSession: () => ask("POST", "/api/session"),
  channels: () => ask("GET", "/api/channels"),
  guide: (from, hours) => ask("GET", "/api/guide", { from, hours }),
  programme: (id) => ask("GET", `/api/programme/${id}`),
  programmeAndAgain: (id) => ask("GET", `/api/programme/${id}`, { again: 1 }),
  search: (q) => ask("GET", "/api/search", { q }),
  settings: () => ask("GET", "/api/settings"),
  changeSettings: (change) => ask("PUT", "/api/settings", {}, change),
  report: (facts) => ask("POST", "/api/telemetry", {}, facts),
};
