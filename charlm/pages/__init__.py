"""HTML pages and SVG pictures."""
