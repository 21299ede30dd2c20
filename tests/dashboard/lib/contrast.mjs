// Whether what is written can be read.

import assert from 'node:assert/strict';

// WCAG 2 contrast of every text in sight within an element with what it stands on, as the browser paints it: {text, ratio, large}.
// Colours are read through a canvas, which knows every notation.
export const contrasts = (page, within = 'body') => page.evaluate((root) => {
  const context = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const told = [];
  const walker = document.createTreeWalker(document.querySelector(root), NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const parent = node.parentElement, style = getComputedStyle(parent);
    if (!node.textContent.trim() || !parent.checkVisibility() || parent.closest('.visually-hidden, noscript, option')) continue;
    const behind = ground(parent);
    const [light, dark] = [luminance(over(rgba(style.color), behind)), luminance(behind)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    told.push({ text: node.textContent.trim().slice(0, 40), of: parent.className || parent.tagName, ratio: (light + 0.05) / (dark + 0.05), large: size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) });
  }
  return told;
}, within);

// Fails unless every text (of at least so many) has the contrast that WCAG AA asks for.
export function hold(told, atLeast) {
  assert.ok(told.length >= atLeast, `only ${told.length} texts`);
  const bad = told.filter(({ ratio, large }) => ratio < (large ? 3 : 4.5));
  assert.deepEqual(bad.map(({ text, of, ratio }) => `${text} (${of}): ${ratio.toFixed(2)}`), []);
}
