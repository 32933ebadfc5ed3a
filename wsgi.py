"""The door for WSGI servers: settings from the environment, or a start refused in plain words."""
import gc
import os

from marketplace.app import create_app
from marketplace.settings import Settings

app = create_app(Settings.from_env(os.environ))
gc.freeze()  # What was imported stays: a request with a thousand rows need not have it looked through again and again.
