"""The rules of DESIGN 3 and of the style guide hold, and breaking them is seen."""
