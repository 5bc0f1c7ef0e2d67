// How a client's script hears what to do and says what came of it.

export async function heard() {
  const parts = [];
  for await (const part of process.stdin) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString("utf8"));
}

export function said(outcome) {
  process.stdout.write(JSON.stringify(outcome));
}
