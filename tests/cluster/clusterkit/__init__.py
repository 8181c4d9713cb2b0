"""Brings up, feeds and takes down the Kubernetes cluster that the end-to-end tests and the demo run on.

Standard library alone, so that it runs before the project's virtual environment exists. The executables `up`,
`down`, `env` and `image` beside this package are thin; the long build steps are shell scripts in `node/`.
"""
