// Signs the documentation page in as a demo user by one click. `health` serves this where BERTHCARE_ENV is `local`.
"use strict";

const ROLES = ["nurse", "aide", "coordinator", "admin", "family"];
// Kept for the browser tab: the token, when it ends (ms since 1970), and whose it is.
const SESSION = "berthcare-demo-session";

const bar = document.createElement("div");
bar.className = "swagger-ui";
const row = bar.appendChild(document.createElement("p"));
row.className = "wrapper";
row.append("Sign in as a demo user: ");
for (const role of ROLES) {
  const button = row.appendChild(document.createElement("button"));
  button.type = "button";
  button.className = "btn";
  button.textContent = role;
  button.addEventListener("click", () => signIn(role));
  row.append(" ");
}
const status = row.appendChild(document.createElement("span"));
status.setAttribute("role", "status");
document.body.prepend(bar);

const kept = JSON.parse(sessionStorage.getItem(SESSION) ?? "null");
if (kept?.until > Date.now()) authorize(kept);

async function signIn(role) {
  status.textContent = " ...";
  // One device for each role, so that clicking again ends the session before.
  const device = localStorage.getItem(`berthcare-demo-${role}`) ?? crypto.randomUUID();
  localStorage.setItem(`berthcare-demo-${role}`, device);
  const started = Date.now();
  try {
    const answer = await fetch("/v1/auth/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        email: `${role}@demo.berthcare.ca`,
        password: "berthcare-demo",
        device: { id: device, name: "API documentation", platform: "web", app_version: "1.0.0" },
        ...(role === "admin" && { totp: await nextCode() }),
      }),
    });
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.detail ?? body.title);
    const { first_name, last_name } = body.user;
    const session = {
      token: body.access_token,
      until: started + body.expires_in * 1000,
      who: `${first_name} ${last_name}, ${role}`,
    };
    sessionStorage.setItem(SESSION, JSON.stringify(session));
    await authorize(session);
  } catch (error) {
    status.textContent = ` Sign-in failed: ${error.message}`;
  }
}

// What the demo admin's authenticator app shows (RFC 6238). A code is good once, so the last one used is kept; the
// server takes those of the step before and after, too.
async function nextCode() {
  const now = Math.floor(Date.now() / 30_000);
  const step = Math.max(Number(localStorage.getItem("berthcare-demo-totp") ?? 0) + 1, now - 1);
  if (step > now + 1) throw new Error("each code is good once; try again in half a minute");
  localStorage.setItem("berthcare-demo-totp", step);
  const seed = new TextEncoder().encode("berthcare-demo-admin");
  const key = await crypto.subtle.importKey("raw", seed, { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);
  const counter = new DataView(new ArrayBuffer(8));
  counter.setBigUint64(0, BigInt(step));
  const digest = new DataView(await crypto.subtle.sign("HMAC", key, counter.buffer));
  const number = digest.getUint32(digest.getUint8(19) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

// Does what the button "Authorize" does; Swagger UI returns null until it has read the OpenAPI document.
async function authorize({ token, until, who }) {
  while (!window.ui || window.ui.preauthorizeApiKey("bearer", token) === null) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  status.textContent = ` Signed in as ${who}, until ${new Date(until).toLocaleTimeString()}.`;
}
