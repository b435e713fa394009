pytest_plugins = ["booking_site.testing.fixtures"]
