"""Webhooks while this coordinator leads: alerts, to whom they go, and that they arrive.

* `kinds`: which of all that happens is an alert, how bad it is, and what to do next;
* `kept`: what the registry keeps of a webhook and of the alerts that have not arrived;
* `sending`: one attempt to deliver one alert;
* `delivery`: the alerts of one webhook, one after the other, until each has arrived or is lost;
* `staleness`: whether recovery points grow old;
* `webhooks`: all webhooks of one leadership, in the registry and out of it.

No cut and no recovery ever waits for any of this. A secret and the path of a URL are told to nobody.
"""
