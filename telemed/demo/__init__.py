"""The demo's made-up people and the command that shows the product with them."""
