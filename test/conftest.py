"""Settings of all tests."""

from hypothesis import settings

# The same examples in every run, and no clock: machines that test are busy.
settings.register_profile('posenet', deadline=None, derandomize=True)
settings.load_profile('posenet')
