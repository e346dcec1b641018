from rest_framework import generics, serializers

from bench.floors.plain.models import PlainLog


class PlainLogSerializer(serializers.ModelSerializer[PlainLog]):
    class Meta:
        model = PlainLog
        fields = "__all__"
        extra_kwargs = {"service_id": {"default": "018f1e2d-3c4b-7a59-8877-665544332211"}}


class PlainLogs(generics.ListCreateAPIView[PlainLog]):
    queryset = PlainLog._default_manager.none()
    serializer_class = PlainLogSerializer
