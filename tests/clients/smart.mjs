// fhirclient.js does its daily work and says what came of it. The input is one JSON document on the standard input.
import smart from "fhirclient";
import { heard, said } from "./speech.mjs";

const { base, token, patients, transaction, family } = await heard();
// What a finished sign-in leaves behind; on a server the library asks for a request and a place to keep things.
const session = { serverUrl: base, tokenResponse: { access_token: token, token_type: "bearer" } };
const nothing = { get: async () => undefined, set: async () => undefined, unset: async () => true };
const client = smart({ headers: {}, url: "/" }, {}, nothing).client(session);

const made = [];
for (const patient of patients) made.push(await client.create(patient));

const found = await client.request("Patient?identifier=urn:example:clients%7CCem");
const pages = [];
for await (const page of client.pages(`Patient?family=${family}&_count=2`)) {
  pages.push(page.entry.map((entry) => entry.resource.id));
}

const one = { ...found.entry[0].resource, gender: "male" };
const changed = await client.update(one, { headers: { "If-Match": 'W/"1"' } });
const stale = await client.update(one, { headers: { "If-Match": 'W/"1"' } }).catch((error) => error.status);

const patched = await client.patch(`Patient/${one.id}`, [{ op: "replace", path: "/gender", value: "female" }]);

const answer = await client.request({
  url: "",
  method: "POST",
  headers: { "content-type": "application/fhir+json" },
  body: JSON.stringify(transaction),
});
const person = answer.entry[0].response.location.split("/_history")[0].split("/").pop();
const about = await client.request(`Observation?patient=${person}`);

said({
  made: made.map((each) => each.id),
  found: found.entry.map((entry) => entry.resource.id),
  pages,
  version: changed.meta.versionId,
  stale,
  patched: patched.gender,
  linked: about.entry.map((entry) => entry.resource.subject.reference === `Patient/${person}`),
});
