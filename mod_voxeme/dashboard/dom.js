// Elements without markup: what comes from callers only ever becomes text.

const SVG = 'http://www.w3.org/2000/svg';

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children);
  return node;
}

export const element = (name, attributes = {}, ...children) => build(document.createElement(name), attributes, children);

export const svg = (name, attributes = {}, ...children) => build(document.createElementNS(SVG, name), attributes, children);

export const find = (id) => document.getElementById(id);

// Touches the document only when there is something new.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
