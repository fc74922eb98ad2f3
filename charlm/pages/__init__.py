"""HTML pages and SVG pictures of what `analysis` and `scoring` compute."""
