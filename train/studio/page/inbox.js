// Clips that a device has recorded, to be sorted.

// Shows the view in `container`; returns a function that ends it.
export function open(container, context) {
  return () => {};
}
