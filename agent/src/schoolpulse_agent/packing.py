"""How a batch lies in the spool: deflated, with a dictionary of what batches usually say. No I/O.

A batch alone compresses badly, and batches together could be lost together; with the words known beforehand
each takes a seventh of its JSON. The first byte tells how the rest is to be read, so that other dictionaries
may follow, and spools of earlier versions, which hold plain JSON, stay readable.
"""

from __future__ import annotations

import zlib

_WORDS_1 = (
    # What is most common stands last: the nearer, the cheaper.
    '{"m":"ups","tags":["device"],"fields":["on_battery","charge_ratio","remaining_s","load_ratio","battery_bad"'
    '{"m":"printer","tags":["device"],"fields":["status","errors","supply_ratio","pages","paper_ratio"'
    '{"m":"switch","tags":["device"],"fields":["ports_up","ports","rx_bps","tx_bps","errors","cpu_used_ratio"'
    '{"m":"access_point","{"m":"projector","{"m":"display","{"m":"host","{"m":"port",'
    '"fields":["power","is_on","errors","lamp_h","lamps_on","filter_h"'
    '{"m":"wifi","tags":["interface"],"fields":["associated","signal_dbm","noise_dbm","rx_mbps","tx_mbps"]'
    '{"m":"classroom","tags":[],"fields":["uptime_s","load_1m","cpu_used_ratio","memory_used_ratio",'
    '"disk_used_ratio","temperature_c","display_on","in_use","used_ratio"],"rows":[['
    '{"m":"speedtest","tags":["uplink","role","server"],"fields":["down_mbps","up_mbps","min_rtt_ms",'
    '"retrans_ratio","bytes_used"],"rows":[['
    '{"m":"modem","tags":["uplink","role","technology","operator"],"fields":["registered","roaming","rsrp_dbm",'
    '"rsrq_db","sinr_db","rssi_dbm","quality_ratio"],"rows":[["backup","4g","5g","Viettel","VinaPhone","MobiFone"'
    '{"m":"interface","tags":["name"],"fields":["rx_bps","tx_bps","rx_errors","tx_errors","rx_drops","tx_drops",'
    '"speed_mbps"],"rows":[["eth0"],["br-lan"],["wwan0"],0,0,0,0,1000.0]]}'
    '{"m":"device","tags":["device","kind","name","parent"],"fields":["up","uptime_s","rtt_ms"],"rows":[['
    '"switch","access_point","ups","printer","projector","display","host","",""],[1,null,'
    "],[0,null,null]],[17"
    '{"boot":"","clock":"repaired","clock":"unsynced","blocks":[]}'
    '{"m":"wan","tags":["uplink","role","technology","interface"],"fields":["active","carrier"],"rows":[['
    '["lte","backup","mobile","wwan0"],[0,1]],["wan","primary","unknown","eth0"],["wan","primary","fibre","eth0"],'
    "[1,1]]]},"
    '{"m":"reachability","tags":["target","scope","method","uplink"],"fields":["up","rtt_ms","jitter_ms",'
    '"loss_ratio","captive"],"rows":[[17,["portal-check","international","http","wan"],[1,0.0,0]]'
    '"],[0,null,null,1.0,null]]]}'
    '{"m":"system","tags":[],"fields":["uptime_s","load_1m","memory_used_ratio","disk_used_ratio",'
    '"temperature_c"],"rows":[[17,[],['
    '{"boot":"","clock":"synced","blocks":['
    '{"m":"reachability","tags":["target","scope","method","uplink"],"fields":["up","rtt_ms","jitter_ms",'
    '"loss_ratio"],"rows":[[17,["gateway","lan_gateway","icmp","wan"],[1,0.0,0.0,0.0]],'
    '[17,["isp-edge","isp_edge","edge","wan"],[0,null,null,1.0]],[17,["vnnic-b","national","tcp","wan"],'
    '[0,null,null,1.0]],[17,["vnnic-g","national","tcp","wan"],[0,null,null,1.0]],[17,["resolver","national",'
    '"dns","wan"],[0,null,null,1.0]],[17,["cloudflare","international","icmp","wan"],[0,null,null,1.0]],'
    '[17,["google-dns","international","icmp","wan"],[0,null,null,1.0]]]},'
).encode("ascii")
_PACKED_1 = b"\x01"
_PLAIN = b"{["
_WINDOW, _LEVEL, _MEMORY = -13, 9, 7
"""8 kB of window and 32 kB of memory: larger ones gain nothing on a batch."""


def pack(body: bytes) -> bytes:
    """`body`, a batch's JSON, as it is to be kept."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zdict=_WORDS_1)
    packed = _PACKED_1 + packer.compress(body) + packer.flush()
    return packed if len(packed) < len(body) or body[:1] not in _PLAIN else body


def unpack(kept: bytes, most: int) -> bytes:
    """The JSON in `kept`, at most `most` bytes of it.

    Raises:
        ValueError: it is neither JSON nor packed in a way that this version knows, or it is larger.
    """
    if kept[:1] != _PACKED_1:
        if kept[:1] in _PLAIN:
            return kept
        raise ValueError(f"a batch packed in way {kept[:1].hex()}")
    unpacker = zlib.decompressobj(_WINDOW, zdict=_WORDS_1)
    try:
        body = unpacker.decompress(kept[1:], most)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not unpacker.eof:
        raise ValueError("a packed batch that does not end")
    return body
