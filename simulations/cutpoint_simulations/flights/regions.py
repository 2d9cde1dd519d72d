"""Which destination service an airport belongs to: four regions of the United States, about equally busy.

Of the 26,398 flights of January 2013, 6,960 go south, 6,587 east, 6,439 to the heartland and 6,412 west: the busiest
region decides how long a run takes, so no region is far from a quarter (6,600).
"""

from __future__ import annotations

import zlib

_AIRPORTS = {
    "east": "ACK ALB AVL BDL BGR BOS BTV BWI CAE CHO CHS CLT CRW DCA GSO GSP IAD ILM JAX MHT MVY MYR ORF PHL PVD PWM "
    "RDU RIC ROC SAV SYR",
    "heartland": "BHM BNA BUF CAK CHA CLE CMH CVG DAY DSM DTW GRR IND LEX MCI MDW MEM MKE MSN MSP OKC OMA ORD PIT SBN "
    "SDF STL TUL TVC TYS XNA",
    "south": "ATL BQN EYW FLL MCO MIA PBI PSE RSW SJU SRQ STT TPA",
    "west": "ABQ ANC AUS BUR BZN DEN DFW EGE HDN HNL HOU IAH JAC LAS LAX LGB MSY MTJ OAK PDX PHX PSP SAN SAT SEA SFO "
    "SJC SLC SMF SNA",
}

REGIONS = tuple(_AIRPORTS)
_REGION_OF = {airport: region for region, airports in _AIRPORTS.items() for airport in airports.split()}


def region_of(airport: str) -> str:
    """The region of ``airport``. One that is not known falls into a region by its CRC-32, the same in every process."""
    return _REGION_OF.get(airport) or REGIONS[zlib.crc32(airport.encode()) % len(REGIONS)]
