"""What RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR share."""

from stapes.convert.lower.node import Node


def resized(node: Node) -> tuple[int, int]:
    """Check shapes and attributes, and return the output's height and width."""
    node.expect((2,))
    shape, sizes = node.tensor(0).shape, node.values(1)
    if len(shape) != 4 or len(sizes) != 2 or min(sizes) < 1:
        node.refuse(f"input {list(shape)} to sizes {sizes}", "four axes, to a height and a width")
    if node.option("align_corners") and node.option("half_pixel_centers"):
        node.refuse("align_corners with half_pixel_centers", "either of the two")
    node.expect_shape((shape[0], sizes[0], sizes[1], shape[3]))
    return sizes[0], sizes[1]
