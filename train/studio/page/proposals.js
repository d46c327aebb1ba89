// Proposals as ghosts in the editor: Enter takes one, Delete drops it.

// Follows an editor; returns a function that ends it.
export function attach(editor) {
  return () => {};
}
