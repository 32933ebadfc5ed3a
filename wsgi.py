"""The door for WSGI servers: settings from the environment, or a start refused in plain words."""
import gc
import os

gc.disable()  # What is made while the product starts stays: looking through it for rubbish took nearly half of it.

from marketplace.app import create_app  # noqa: E402
from marketplace.settings import Settings  # noqa: E402

app = create_app(Settings.from_env(os.environ))
gc.freeze()
gc.enable()
