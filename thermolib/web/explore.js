// Frozen widgets: form controls pick a state, and only what differs is redrawn.
// Works without a network and from file://; every value is in the page.
"use strict";

const readoutValues = (element) => [...element.querySelectorAll(".wtc-readout dd")];

// How long a control has to rest before the results are said; a screen reader would stumble over every step.
const REST = 500; // ms

class Explore extends HTMLElement {
  connectedCallback() {
    if (this.form) return;
    this.form = this.querySelector("form");
    if (!this.form) {
      // The parser has not come to our children yet.
      addEventListener("DOMContentLoaded", () => this.connectedCallback(), { once: true });
      return;
    }
    this.fields = [...this.form.querySelectorAll("input, select")];
    this.prepare();
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", () => this.turn());
    this.form.addEventListener("reset", () => setTimeout(() => this.turn()));
    this.update();
  }

  turn() {
    this.update();
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.say(), REST);
  }

  say() {
    const results = [...this.querySelectorAll(".wtc-readout dl > div")];
    const text = results.map((result) => [...result.children].map((part) => part.textContent).join(": ")).join("; ");
    this.querySelector(".wtc-said").textContent = text;
  }
}

class FrozenFigure extends Explore {
  prepare() {
    const data = JSON.parse(this.querySelector("script").textContent);
    this.readouts = data.readouts;
    this.slots = data.slots.map((slot) => ({ ...slot, now: -1 }));
    for (const element of this.querySelectorAll("[data-slot]")) {
      for (const k of element.dataset.slot.split(" ")) this.slots[k].element = element;
    }
    // A control counts as many states as it has values.
    this.sizes = this.fields.map((f) => (f.type === "range" ? +f.max + 1 : f.type === "checkbox" ? 2 : f.length));
  }

  position(field) {
    return field.type === "checkbox" ? +(field.checked !== (field.dataset.first === "1")) : +field.value;
  }

  update() {
    let state = 0;
    this.fields.forEach((field, k) => {
      const position = this.position(field);
      state = state * this.sizes[k] + position;
      if (field.type === "range") {
        const text = JSON.parse(field.dataset.texts)[position];
        field.setAttribute("aria-valuetext", text);
        field.nextElementSibling.textContent = text;
      }
    });
    for (const slot of this.slots) {
      const value = slot.i[state];
      if (value === slot.now) continue;
      slot.now = value;
      if (slot.a) slot.element.setAttribute(slot.a, slot.v[value]);
      else slot.element.innerHTML = slot.v[value];
    }
    readoutValues(this).forEach((cell, k) => (cell.textContent = this.readouts[state][k]));
    this.dataset.state = state;
  }
}

customElements.define("wtc-explore", FrozenFigure);

// The same reading of a number as thermolib.explore.format_value.
function formatValue(value) {
  const size = Math.abs(value);
  if (value === 0 || (size >= 1e-3 && size < 1e5)) {
    const decimals = value === 0 ? 2 : Math.max(0, 2 - Math.floor(Math.log10(size)));
    return value.toFixed(Math.min(decimals, 5));
  }
  const [mantissa, exponent] = value.toExponential(2).split("e");
  return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

class Calculator extends Explore {
  prepare() {
    this.formula = new Function(`return ${this.dataset.formula}`)();
  }

  // The slider counts steps; where it started it means the default to the last digit.
  value(field) {
    const [low, high, start, log] = JSON.parse(field.dataset.range);
    if (field.value === field.defaultValue) return start;
    const part = field.value / field.max;
    return log ? low * (high / low) ** part : low + (high - low) * part;
  }

  update() {
    const values = {};
    for (const field of this.fields) {
      const value = this.value(field);
      values[field.name] = value;
      const text = `${formatValue(value)} ${field.dataset.unit}`.trim();
      field.setAttribute("aria-valuetext", text);
      field.nextElementSibling.textContent = text;
    }
    const results = this.formula(values);
    readoutValues(this).forEach((cell, k) => (cell.textContent = formatValue(results[k])));
    this.values = values;
    this.results = results;
  }
}

customElements.define("wtc-calculator", Calculator);
