from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation


class OneFormat(DefaultContentNegotiation):
    """There is JSON. Who asks for that, or for anything, needs no weighing of what they like best."""

    USUAL = frozenset({"application/json", "*/*"})

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        if request.META.get("HTTP_ACCEPT", "*/*") in self.USUAL:
            return renderers[0], renderers[0].media_type
        return super().select_renderer(request, renderers, format_suffix)
