"""Lets ``python -m stages`` do what ``tts`` does."""

from stages.app import main

main()
