// Says in <body data-ready> whether the answer to the last key has come: "0" while anything is under way.

let underWay = 0;

/** Begins something; call what it gives when it is over. */
export function begin() {
  underWay += 1;
  document.body.dataset.ready = "0";
  let over = false;
  return () => {
    if (over) return;
    over = true;
    underWay -= 1;
    if (underWay === 0) document.body.dataset.ready = "1";
  };
}

/** Runs `action`, busy until it has ended. */
export async function during(action) {
  const end = begin();
  try {
    return await action();
  } finally {
    end();
  }
}
