// Calls of the service. The token comes in the address's fragment, which a browser never sends; it stays in this tab.

const token = location.hash.startsWith("#token=") ? location.hash.slice(7) : sessionStorage.getItem("token");
if (token) sessionStorage.setItem("token", token);
history.replaceState(null, "", location.pathname);

export async function ask(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: { authorization: `Bearer ${token ?? ""}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  if (answer.ok) return answer;
  const told = await answer.json();
  throw new Error(told.remedy ? `${told.error} (${told.remedy})` : told.error);
}

export const call = async (method, path, body) => (await ask(method, path, body)).json();
