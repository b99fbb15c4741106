"""Fields that clean values, and forms that gather their errors."""

from webapp_framework.validation.fields import Invalid
from webapp_framework.validation.form import Form, form_for

__all__ = ["Form", "Invalid", "form_for"]
