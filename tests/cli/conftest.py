"""Programs are forks of one interpreter."""

from tests.support.process import mother as mother
