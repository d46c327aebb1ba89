// The list of recordings.

// Shows the view in `container`; returns a function that ends it.
export function open(container, context) {
  return () => {};
}
