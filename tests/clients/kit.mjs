// fhir-kit-client does its daily work and says what came of it. The input is one JSON document on the standard input.
import { Client } from "fhir-kit-client";
import { heard, said } from "./speech.mjs";

const { base, token, patients, transaction, family } = await heard();
const client = new Client({ baseUrl: base, bearerToken: token });

const made = [];
for (const body of patients) made.push(await client.create({ resourceType: "Patient", body }));

const found = await client.search({ resourceType: "Patient", searchParams: { identifier: "urn:example:clients|Cem" } });
const pages = [];
let page = await client.search({ resourceType: "Patient", searchParams: { family, _count: 2 } });
for (; page; page = await client.nextPage({ bundle: page })) pages.push(page.entry.map((entry) => entry.resource.id));

const one = { ...found.entry[0].resource, gender: "male" };
const change = { resourceType: "Patient", id: one.id, body: one, options: { headers: { "If-Match": 'W/"1"' } } };
const changed = await client.update(change);
const stale = await client.update(change).catch((error) => error.response.status);

const patched = await client.patch({
  resourceType: "Patient",
  id: one.id,
  jsonPatch: [{ op: "replace", path: "/gender", value: "female" }],
});

const answer = await client.transaction({ body: transaction });
const person = answer.entry[0].response.location.split("/_history")[0].split("/").pop();
const about = await client.search({ resourceType: "Observation", searchParams: { patient: person } });

said({
  made: made.map((each) => each.id),
  found: found.entry.map((entry) => entry.resource.id),
  pages,
  version: changed.meta.versionId,
  stale,
  patched: patched.gender,
  linked: about.entry.map((entry) => entry.resource.subject.reference === `Patient/${person}`),
});
