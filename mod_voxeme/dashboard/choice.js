// A button that goes through the values of a choice. The choice is this browser's.

function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // a browser that keeps nothing
  }
}

function store(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // It holds for as long as the page is open.
  }
}

export function startChoice(button, { name, label, values, apply }) {
  const key = `voxeme.${name}`;
  let value = values.includes(stored(key)) ? stored(key) : values[0];
  const show = () => {
    button.textContent = `${label}: ${value}`;
    apply(value);
  };
  button.addEventListener('click', () => {
    value = values[(values.indexOf(value) + 1) % values.length];
    show();
    store(key, value);
  });
  show();
}
