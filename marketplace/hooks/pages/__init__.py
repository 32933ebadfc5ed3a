"""HTML for the people who lead a business: where its programs are told what happens."""
from marketplace.hooks.pages import endpoints

BLUEPRINTS = [endpoints.bp]
