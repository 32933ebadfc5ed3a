"""Who may do what with a business's webhooks. Plain functions that answer yes or no."""
from marketplace.identity.models import User
from marketplace.identity.permissions import is_manager


def may_lead_hooks(user: User, business_id: str) -> bool:
    """Owners and managers: an endpoint is told of all the business's leads and money."""
    return is_manager(user, business_id)
