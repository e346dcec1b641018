// Passkeys: a form with data-passkey asks the browser for a credential and is sent with it.
//
// data-passkey says what to ask for: "create" a new one, or "get" one that is there. The options of the ask
// stand in the json_script element that data-options names, or are fetched from data-options-from.

const bytesOf = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));
const textOf = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=/g, "");

async function optionsOf(form) {
  if (form.dataset.options) return JSON.parse(document.getElementById(form.dataset.options).textContent);
  const answer = await fetch(form.dataset.optionsFrom, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error("No options for a passkey.");
  return (await answer.json()).request_options;
}

// The two dialects of the browser's own conversions, which are not everywhere yet, done by hand.
function asAsked({ publicKey }, form) {
  const listed = (credentials) => credentials?.map((each) => ({ ...each, id: bytesOf(each.id) }));
  const asked = { ...publicKey, challenge: bytesOf(publicKey.challenge) };
  if (publicKey.user) asked.user = { ...publicKey.user, id: bytesOf(publicKey.user.id) };
  if (publicKey.excludeCredentials) asked.excludeCredentials = listed(publicKey.excludeCredentials);
  if (publicKey.allowCredentials) asked.allowCredentials = listed(publicKey.allowCredentials);
  const passwordless = form.elements.passwordless;
  if (passwordless) {
    const wanted = passwordless.checked;
    asked.authenticatorSelection = {
      ...publicKey.authenticatorSelection,
      residentKey: wanted ? "required" : "discouraged",
      requireResidentKey: wanted,
      ...(wanted ? { userVerification: "required" } : {}),
    };
  }
  return { publicKey: asked };
}

function asSent(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = textOf(credential.response[name]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return JSON.stringify({
    id: credential.id,
    rawId: textOf(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  });
}

async function ask(form) {
  const options = asAsked(await optionsOf(form), form);
  const credential =
    form.dataset.passkey === "create"
      ? await navigator.credentials.create(options)
      : await navigator.credentials.get(options);
  form.elements.credential.value = asSent(credential);
  form.submit();
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) {
    form.hidden = true;
    continue;
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const trouble = form.querySelector("[data-trouble]");
    trouble.hidden = true;
    // Somebody who closes the browser's own window has not broken anything: it is said, and nothing more.
    ask(form).catch(() => (trouble.hidden = false));
  });
}
