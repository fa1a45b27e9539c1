"""Sphinx's settings for the site; `python -m coursetools render site` calls it."""

project = "Variational autoencoders"
author = "the course's contributors"
copyright = "the course's contributors, MIT licence"
language = "en"

extensions = ["myst_nb", "coursetools.render.formulas"]
root_doc = "index"
suppress_warnings = ["myst.header"]  # a page may begin a part at the second level

# The notebooks are shown as they were committed: nothing is executed here.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3

html_theme = "sphinx_book_theme"
html_math_renderer = "drawn"
html_title = project
html_static_path = ["static"]
html_css_files = ["course.css"]
html_js_files = ["course.js"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_last_updated_fmt = None
html_context = {"default_mode": "auto"}  # dark or light as the reader's system is
html_theme_options = {
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "use_issues_button": False,
    "use_repository_button": False,
    "navbar_persistent": [],  # the search stands in the side bar
    "search_bar_text": "Search the course",
}
