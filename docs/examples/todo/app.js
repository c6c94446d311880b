const list = document.querySelector("#things");
const text = document.querySelector("#text");

async function api(options) {
  const response = await fetch("/api/things", options);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  show(await response.json());
}

function show(things) {
  list.replaceChildren(
    ...things.map((thing) => {
      const item = document.createElement("li");
      item.textContent = thing;
      return item;
    }),
  );
  list.hidden = false;
}

document.querySelector("#add").addEventListener("submit", (event) => {
  event.preventDefault();
  api({ method: "POST", body: JSON.stringify({ text: text.value }) });
  text.value = "";
});

api();
