// Makes elements of the page. Text is set as text only, so that no name or label can become markup.

// element("button", {title: "Play", onclick: play}, "Play"); names with a dash or "role" become attributes.
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

// 3723.4 -> "1:02:03"; with digits the fraction of the second, too.
export function clock(seconds, digits = 0) {
  const unit = 10 ** digits, total = Math.round(seconds * unit), whole = Math.floor(total / unit);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const two = (number) => String(number).padStart(2, "0");
  const fraction = digits ? "." + String(total % unit).padStart(digits, "0") : "";
  return (hours ? `${hours}:${two(minutes)}` : `${minutes}`) + `:${two(whole % 60)}${fraction}`;
}

export const isTyping = (target) => target instanceof HTMLElement
  && (target.isContentEditable || ["TEXTAREA", "SELECT"].includes(target.tagName)
    || (target.tagName === "INPUT" && !["checkbox", "radio", "button", "range"].includes(target.type)));
