// Light, dark, or as the system has it. The choice is this browser's.

const THEMES = ['auto', 'light', 'dark'];
const KEY = 'voxeme.theme';

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // a browser that keeps nothing
  }
}

export function startTheme(button) {
  let theme = THEMES.includes(stored()) ? stored() : 'auto';
  const apply = () => {
    document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
  };
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    apply();
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // It holds for as long as the page is open.
    }
  });
  apply();
}
