// Calls of the service. The token comes in the address's fragment, which a browser never sends; it stays in this tab.

const token = location.hash.startsWith("#token=") ? location.hash.slice(7) : sessionStorage.getItem("token");
if (token) sessionStorage.setItem("token", token);
history.replaceState(null, "", location.pathname);

const NO_TOKEN = "No token, or an unknown one: make one with strongroom token page --scope search --scope read" +
  " --scope write, and open this address with #token= and that token behind it";

export async function ask(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: { authorization: `Bearer ${token ?? ""}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  }).catch(() => {
    throw new Error("The service does not answer (start it with: strongroom serve)");
  });
  if (answer.ok) return answer;
  if (answer.status === 401) throw new Error(NO_TOKEN);
  const told = await answer.json();
  throw new Error(told.remedy ? `${told.error} (${told.remedy})` : told.error);
}

export const call = async (method, path, body) => (await ask(method, path, body)).json();
