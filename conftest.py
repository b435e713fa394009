pytest_plugins = ["booking_site.testing.fixtures", "booking_site.testing.browser"]
