from django.contrib.admin import AdminSite
from django.utils.translation import gettext_lazy as _


class ConsoleSite(AdminSite):
    site_header = _("Hospital reception")
    site_title = _("Hospital reception")
    index_title = _("Reception")
    site_url = None
    enable_nav_sidebar = True
