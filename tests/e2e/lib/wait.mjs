// Sanitizer builds are slower; script/test says so.
export const SLOW = Number(process.env.VOXEME_TEST_SLOW ?? 1);
export const PATIENCE_MS = 20_000 * SLOW;

// Rejects when `promise` has not settled in time. Only ever the end of a failing test: nothing
// waits for it when all is well.
export async function deadline(promise, what, ms = PATIENCE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export const text = async (stream) => {
  let all = '';
  for await (const chunk of stream) all += chunk;
  return all;
};
