# fhir.resources installs into this same import name; extending the path lets both live side by side.
# Nothing else may stand here: whether this file or the library's runs first depends on the installation.
__path__ = __import__("pkgutil").extend_path(__path__, __name__)
