"""A host that shows the face of a plug-in in a window of its own, and tells what comes out of it.

    python plugin_face_host.py clap FILE | lv2 BUNDLE

It prints a line of JSON for each thing that happens: {"size": [width, height]} once the face is there (LV2 does not
tell its size), and from then on {"parameter": [number, value]}, {"begin": number}, {"end": number} and
{"state": [key, value]}. It sets parameters that it reads from its input, as lines of JSON: [number, value], and prints
{"set": number} when the face has heard of it. At the end of its input it closes the face, and ends.
"""

import ctypes
import json
import select
import sys
from collections.abc import Callable
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    byref,
    c_bool,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int16,
    c_int32,
    c_int64,
    c_uint16,
    c_uint32,
    c_uint64,
    c_ulong,
    c_void_p,
    cast,
)
from pathlib import Path
from typing import Any

KEPT: list[Any] = []  # what the plug-in holds on to


def tell(**event: object) -> None:
    print(json.dumps(event), flush=True)


def window() -> int:
    """A window at the corner of the screen."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = c_void_p
    display = c_void_p(x11.XOpenDisplay(None))
    x11.XDefaultRootWindow.restype = x11.XCreateSimpleWindow.restype = c_ulong
    x11.XCreateSimpleWindow.argtypes = [c_void_p, c_ulong, *[c_int] * 2, *[ctypes.c_uint] * 3, *[c_ulong] * 2]
    made = x11.XCreateSimpleWindow(display, x11.XDefaultRootWindow(display), 0, 0, 1200, 1200, 0, 0, 0)
    x11.XMapWindow(display, c_ulong(made))
    x11.XSync(display, 0)
    KEPT.append(display)
    return int(made)


def loop(step: Callable[[], None], set_parameter: Callable[[int, float], None]) -> None:
    """Until the input ends: a step in each hundredth of a second."""
    told: list[int] = []
    while True:
        step()
        for number in told:
            tell(set=number)
        told.clear()
        if select.select([sys.stdin], [], [], 0.01)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            number, value = json.loads(line)
            set_parameter(number, value)
            told.append(number)


def method(address: c_void_p | int, index: int, result: Any, *arguments: Any) -> Any:
    """The function at this place of a table of pointers."""
    pointer = cast(address, POINTER(c_void_p))[index]
    assert pointer is not None
    return CFUNCTYPE(result, *arguments)(pointer)


# ---------------------------------------------------------------------------------------------------------------- CLAP


class ClapHost(Structure):
    _fields_ = (("version", c_uint32 * 3), ("data", c_void_p), ("texts", c_char_p * 4), ("functions", c_void_p * 4))


class Header(Structure):
    _fields_ = (("size", c_uint32), ("time", c_uint32), ("space", c_uint16), ("type", c_uint16), ("flags", c_uint32))


class ParameterEvent(Structure):
    _fields_ = (
        ("header", Header),
        ("parameter", c_uint32),
        ("cookie", c_void_p),
        ("note", c_int32),
        ("port", c_int16),
        ("channel", c_int16),
        ("key", c_int16),
        ("value", c_double),
    )


class GestureEvent(Structure):
    _fields_ = (("header", Header), ("parameter", c_uint32))


class Events(Structure):
    _fields_ = (("data", c_void_p), ("functions", c_void_p * 2))


class Buffer(Structure):
    _fields_ = (
        ("data32", POINTER(POINTER(c_float))),
        ("data64", c_void_p),
        ("channels", c_uint32),
        ("latency", c_uint32),
        ("constant", c_uint64),
    )


class Process(Structure):
    _fields_ = (
        ("time", c_int64),
        ("frames", c_uint32),
        ("transport", c_void_p),
        ("inputs", POINTER(Buffer)),
        ("outputs", POINTER(Buffer)),
        ("input_count", c_uint32),
        ("output_count", c_uint32),
        ("in_events", POINTER(Events)),
        ("out_events", POINTER(Events)),
    )


class ClapWindow(Structure):
    _fields_ = (("api", c_char_p), ("window", c_ulong))


def address_of(function: Any) -> int:
    KEPT.append(function)
    return int(cast(function, c_void_p).value or 0)


def extension_table(*functions: Any) -> int:
    made = (c_void_p * len(functions))(*(address_of(function) for function in functions))
    KEPT.append(made)
    return ctypes.addressof(made)


def clap_host() -> ClapHost:
    nothing = CFUNCTYPE(None, c_void_p)(lambda _host: None)
    gui = extension_table(
        nothing,
        CFUNCTYPE(c_bool, c_void_p, c_uint32, c_uint32)(lambda _host, _width, _height: True),
        CFUNCTYPE(c_bool, c_void_p)(lambda _host: True),
        CFUNCTYPE(c_bool, c_void_p)(lambda _host: True),
        CFUNCTYPE(None, c_void_p, c_bool)(lambda _host, _destroyed: None),
    )

    def register(_host: int, _milliseconds: int, timer: Any) -> bool:
        timer[0] = 1
        return True

    timers = extension_table(
        CFUNCTYPE(c_bool, c_void_p, c_uint32, POINTER(c_uint32))(register),
        CFUNCTYPE(c_bool, c_void_p, c_uint32)(lambda _host, _timer: True),
    )
    extensions = {b"clap.gui": gui, b"clap.timer-support": timers, b"clap.latency": extension_table(nothing)}
    get_extension = CFUNCTYPE(c_void_p, c_void_p, c_char_p)(lambda _host, name: extensions.get(name))
    functions = (c_void_p * 4)(*(address_of(function) for function in (get_extension, nothing, nothing, nothing)))
    return ClapHost((c_uint32 * 3)(1, 1, 8), None, (c_char_p * 4)(b"face", b"", b"", b"1"), functions)


def show_clap(file: Path) -> None:
    frames, channels = 512, 2
    entry = ctypes.addressof(c_void_p.in_dll(ctypes.CDLL(str(file)), "clap_entry"))
    functions = entry + 16  # after the version
    assert method(functions, 0, c_bool, c_char_p)(str(file).encode())
    factory = method(functions, 2, c_void_p, c_char_p)(b"clap.plugin-factory")
    descriptor = method(factory, 1, c_void_p, c_void_p, c_uint32)(factory, 0)
    name = cast(descriptor + 16, POINTER(c_char_p))[0]
    host = clap_host()
    plugin = method(factory, 2, c_void_p, c_void_p, POINTER(ClapHost), c_char_p)(factory, byref(host), name)
    assert method(plugin, 2, c_bool, c_void_p)(plugin)
    assert method(plugin, 4, c_bool, c_void_p, c_double, c_uint32, c_uint32)(plugin, 44_100.0, 1, frames)
    assert method(plugin, 6, c_bool, c_void_p)(plugin)

    gui = method(plugin, 10, c_void_p, c_void_p, c_char_p)(plugin, b"clap.gui")
    timer = method(plugin, 10, c_void_p, c_void_p, c_char_p)(plugin, b"clap.timer-support")
    assert method(gui, 2, c_bool, c_void_p, c_char_p, c_bool)(plugin, b"x11", False)
    parent = ClapWindow(b"x11", window())
    assert method(gui, 10, c_bool, c_void_p, POINTER(ClapWindow))(plugin, byref(parent))
    assert method(gui, 13, c_bool, c_void_p)(plugin)
    width, height = c_uint32(), c_uint32()
    assert method(gui, 5, c_bool, c_void_p, POINTER(c_uint32), POINTER(c_uint32))(plugin, byref(width), byref(height))

    def push(_events: int, header: Any) -> bool:
        kind = header[0].type
        event = cast(header, POINTER(ParameterEvent if kind == 5 else GestureEvent))[0]
        if kind == 5:
            tell(parameter=[event.parameter, event.value])
        elif kind == 7:
            tell(begin=event.parameter)
        elif kind == 8:
            tell(end=event.parameter)
        return True

    waiting: list[ParameterEvent] = []
    get = CFUNCTYPE(c_void_p, c_void_p, c_uint32)(lambda _events, index: ctypes.addressof(waiting[index]))
    count = CFUNCTYPE(c_uint32, c_void_p)(lambda _events: len(waiting))
    in_events = Events(None, (c_void_p * 2)(address_of(count), address_of(get)))
    try_push = CFUNCTYPE(c_bool, c_void_p, POINTER(Header))(push)
    out_events = Events(None, (c_void_p * 2)(address_of(try_push), None))

    rows = [(c_float * frames)() for _ in range(channels)]
    pointers = (POINTER(c_float) * channels)(*(cast(row, POINTER(c_float)) for row in rows))
    buffer = Buffer(pointers, None, channels, 0, 0)
    sound = ctypes.pointer(buffer)
    process = Process(0, frames, None, sound, sound, 1, 1, ctypes.pointer(in_events), ctypes.pointer(out_events))
    run = method(plugin, 9, c_int, c_void_p, POINTER(Process))
    on_timer = method(timer, 0, None, c_void_p, c_uint32)

    def step() -> None:
        run(plugin, byref(process))
        waiting.clear()
        on_timer(plugin, 1)

    def set_parameter(number: int, value: float) -> None:
        header = Header(ctypes.sizeof(ParameterEvent), 0, 0, 5, 0)
        waiting.append(ParameterEvent(header, number, None, -1, -1, -1, -1, value))

    tell(size=[width.value, height.value])
    loop(step, set_parameter)
    method(gui, 3, None, c_void_p)(plugin)
    method(plugin, 7, None, c_void_p)(plugin)
    method(plugin, 5, None, c_void_p)(plugin)
    method(plugin, 3, None, c_void_p)(plugin)
    method(functions, 1, None)()


# ----------------------------------------------------------------------------------------------------------------- LV2


class Feature(Structure):
    _fields_ = (("uri", c_char_p), ("data", c_void_p))


class Atom(Structure):
    _fields_ = (("size", c_uint32), ("type", c_uint32))


def show_lv2(bundle: Path) -> None:
    module = ctypes.CDLL(str(bundle / f"{bundle.stem}_ui.so"))
    module.lv2ui_descriptor.restype = c_void_p
    descriptor = module.lv2ui_descriptor(0)
    ui_uri = cast(descriptor, POINTER(c_char_p))[0]
    assert ui_uri is not None

    numbers: dict[bytes, int] = {}
    number_of = CFUNCTYPE(c_uint32, c_void_p, c_char_p)(lambda _handle, uri: numbers.setdefault(uri, len(numbers) + 1))
    uri_map = (c_void_p * 2)(None, address_of(number_of))

    def write(_controller: int, port: int, size: int, kind: int, data: int) -> None:
        if kind == 0:
            tell(parameter=[port, ctypes.cast(data, POINTER(c_float))[0]])
        else:
            body = ctypes.string_at(data + ctypes.sizeof(Atom), size - ctypes.sizeof(Atom))
            key, value = body.split(b"\0")[:2]
            tell(state=[key.decode(), value.decode()])

    def touch(_handle: int, port: int, begins: bool) -> None:
        tell(**{"begin" if begins else "end": port})

    touch_function = CFUNCTYPE(None, c_void_p, c_uint32, c_bool)(touch)
    touching = (c_void_p * 2)(None, address_of(touch_function))
    features = [
        Feature(b"http://lv2plug.in/ns/ext/urid#map", ctypes.addressof(uri_map)),
        Feature(b"http://lv2plug.in/ns/extensions/ui#parent", window()),
        Feature(b"http://lv2plug.in/ns/extensions/ui#touch", ctypes.addressof(touching)),
    ]
    listed = (c_void_p * (len(features) + 1))(*(ctypes.addressof(feature) for feature in features), None)
    write_function = CFUNCTYPE(None, c_void_p, c_uint32, c_uint32, c_uint32, c_void_p)(write)
    instantiate = method(
        descriptor, 1, c_void_p, c_void_p, c_char_p, c_char_p, c_void_p, c_void_p, POINTER(c_void_p), c_void_p
    )
    widget = c_void_p()
    address = address_of(write_function)
    plugin_uri = ui_uri.removesuffix(b"#DPF_UI")
    face = instantiate(
        descriptor, plugin_uri, f"{bundle}/".encode(), address, None, byref(widget), ctypes.addressof(listed)
    )
    assert face and widget.value, "no face"
    idle = method(descriptor, 4, c_void_p, c_char_p)(b"http://lv2plug.in/ns/extensions/ui#idleInterface")
    step = method(idle, 0, c_int, c_void_p)
    port_event = method(descriptor, 3, None, c_void_p, c_uint32, c_uint32, c_uint32, POINTER(c_float))

    def set_parameter(number: int, value: float) -> None:
        port_event(face, number, 4, 0, byref(c_float(value)))

    tell(size=[])
    loop(lambda: step(face), set_parameter)
    method(descriptor, 2, None, c_void_p)(face)


if __name__ == "__main__":
    {"clap": show_clap, "lv2": show_lv2}[sys.argv[1]](Path(sys.argv[2]))
