"""The files that `carga init` writes."""
