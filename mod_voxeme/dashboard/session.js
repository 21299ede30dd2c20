// The credentials, for as long as the tab is open.

const KEY = 'voxeme.session';

export function loadSession() {
  try {
    const { account, token } = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') ?? {};
    return typeof account === 'string' && typeof token === 'string' && token ? { account, token } : null;
  } catch {
    return null;
  }
}

export function keepSession(credentials) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(credentials));
  } catch {
    // It holds until the page is loaded anew.
  }
}

export function dropSession() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // There was none.
  }
}
