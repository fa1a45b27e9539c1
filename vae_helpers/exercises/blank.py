"""`____`: what stands where an answer is still to be written.

A blank swallows whatever is done to it, so that a notebook with blanks runs to its end: calling
it, adding to it, indexing it or handing it to NumPy gives the blank again. What needs a value, such
as a loop over it or its conversion to a tensor, raises `BlankLeft`. Each use is counted, so that a
check knows of a blank even where TensorFlow has wrapped the error in one of its own.
"""


class BlankLeft(TypeError):
    """A value was needed where a ____ stands."""


def _swallow(self, *arguments, **settings):
    Blank.uses += 1
    return ____


def _refuse(self, *arguments, **settings):
    Blank.uses += 1
    raise BlankLeft("a ____ is left: replace it with your own code")


class Blank:
    """The placeholder; there is one, `____`."""

    uses = 0  # how often something was done to it
    _only = None

    def __new__(cls, *arguments, **settings):
        # `class Mine(____)` calls this with a name, bases and methods.
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __init__(self, *arguments, **settings):
        pass

    def __getattr__(self, name):
        # Python and its libraries ask for special names to find out what an object can do.
        if name.startswith("_"):
            raise AttributeError(name)
        return _swallow(self)

    def __repr__(self):
        return "____"

    def __format__(self, form):
        return "____"

    def __bool__(self):
        Blank.uses += 1
        return False

    def __eq__(self, other):
        return _swallow(self)

    __hash__ = object.__hash__


_SWALLOWED = """
add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or
radd rsub rmul rmatmul rtruediv rfloordiv rmod rdivmod rpow rand rxor ror
neg pos abs invert round lt le gt ge ne call getitem array_ufunc array_function enter
"""
_REFUSED = "iter array len float int complex index contains setitem delitem"
for _names, _reaction in ((_SWALLOWED, _swallow), (_REFUSED, _refuse)):
    for _name in _names.split():
        setattr(Blank, f"__{_name}__", _reaction)
Blank.__exit__ = lambda self, *error: None
# TensorFlow and NumPy ask the blank, not the tensor beside it, what `tensor * ____` is.
Blank.__array_priority__ = 1e6

____ = Blank()


def is_blank(value) -> bool:
    """Return True for ____, for Python's own `...`, and for a list, tuple or dict with one."""
    if value is ____ or value is ...:
        return True
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list | tuple) and any(is_blank(part) for part in value)
