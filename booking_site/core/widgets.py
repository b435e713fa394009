"""Parts of forms that the pages of all apps share."""

from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString


class Checkboxes(forms.CheckboxSelectMultiple):
    """A group of boxes that screen readers name as one."""

    def __init__(self, name: Any) -> None:
        super().__init__()
        self.name = name

    def render(self, *args: Any, **kwargs: Any) -> SafeString:
        boxes = super().render(*args, **kwargs)
        return format_html('<div role="group" class="boxes" aria-label="{}">{}</div>', self.name, boxes)
