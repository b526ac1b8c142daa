// Questions to the server.

/** Why the server gave no answer. */
export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

const running = new Map();

/**
 * The JSON at a path with parameters; empty ones are left out. A later question of the same
 * `purpose` takes the place of an earlier one, which then ends with an AbortError.
 */
export async function get(path, parameters = {}, purpose = path) {
  running.get(purpose)?.abort();
  const control = new AbortController();
  running.set(purpose, control);
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value != null);
  const query = new URLSearchParams(given).toString();
  try {
    const answer = await fetch(query ? `${path}?${query}` : path, { signal: control.signal });
    const body = await answer.json();
    if (!answer.ok) throw new Refused(answer.status, body.error ?? answer.statusText);
    return body;
  } finally {
    if (running.get(purpose) === control) running.delete(purpose);
  }
}
