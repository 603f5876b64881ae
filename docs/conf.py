"""How the site is built from README's neighbours: `make docs`."""

from importlib import metadata

project = "digitrec"
release = metadata.version("digitrec").partition("+")[0]
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
root_doc = "docs/index"
include_patterns = ["docs/*.md", "REPRODUCTION.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md"]
myst_heading_anchors = 4
# Diagrams are drawn by GitHub; a site that asks nobody else shows their text.
suppress_warnings = ["misc.highlighting_failure"]
numpydoc_show_class_members = False
autodoc_typehints = "none"
html_theme = "furo"
html_title = "digitrec"
