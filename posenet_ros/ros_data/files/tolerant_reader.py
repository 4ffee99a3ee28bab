"""
The reader of rosbags, made tolerant: what nobody asks for does not stop it.

A channel of JSON or protobuf in an MCAP file, a message definition that cannot be parsed, or one
that contradicts its digest concern only who reads their topic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
import os
from pathlib import Path
from typing import Any, BinaryIO

from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection, MessageDefinition, MessageDefinitionFormat
from rosbags.rosbag2 import storage_mcap
from rosbags.typesys import get_types_from_idl, get_types_from_msg, get_typestore, Stores
from rosbags.typesys.store import Typestore

ROS_ENCODINGS = 'cdr', ''
NO_DEFINITION = MessageDefinition(MessageDefinitionFormat.NONE, '')
IDL_SEPARATOR = '=' * 80 + '\n'
Types = dict[str, Any]  # of rosbags: name of a type -> its fields

_ros_definition = storage_mcap.get_msgdef


def _definition(schema: Any) -> MessageDefinition:  # noqa: ANN401 - of rosbags, not public
    """Return the definition of a channel's messages; none where it is not of ROS."""
    try:
        return _ros_definition(schema)
    except KeyError:  # jsonschema, protobuf, flatbuffer
        return NO_DEFINITION


def _read_string(file: BinaryIO) -> str:
    """Read a text; the schema of protobuf is bytes."""
    return str(storage_mcap.read_bytes(file).decode(errors='replace'))


# rosbags takes a whole file for damaged otherwise, and has no place to say so
storage_mcap.get_msgdef, storage_mcap.read_string = _definition, _read_string


def encoding_of(connection: Connection) -> str:
    """Return how a connection's messages are serialised, empty where they are as ROS has them."""
    encoding = str(getattr(connection.ext, 'serialization_format', ''))
    return '' if encoding in ROS_ENCODINGS else encoding


def _parsed(definition: MessageDefinition, name: str) -> Types:
    """Parse a definition; :raises Exception: whatever rosbags raises on a damaged one."""
    if definition.format is MessageDefinitionFormat.MSG:
        return dict(get_types_from_msg(definition.data, name))
    parts = definition.data.split(IDL_SEPARATOR)
    texts = [part.split('\n', 1)[1] for part in parts if part.startswith('IDL: ')]
    types: Types = {}
    for text in texts or [definition.data]:
        types.update(get_types_from_idl(text))
    return types


class TolerantReader(AnyReader):  # type: ignore[misc]
    """
    A bag of one or more files, or of a folder with metadata.yaml.

    :param paths: to read, as rosbags takes them.
    :param defaults: the message types of a bag without definitions.
    :param scratch: closed with the reader: files that were decompressed.
    """

    def __init__(self, paths: Sequence[Any], defaults: Typestore, scratch: ExitStack) -> None:
        super().__init__(paths, default_typestore=defaults)
        self._scratch = scratch
        self._wrong: dict[str, Exception] = {}  # type -> what is wrong with its definition

    def _open(self) -> None:
        """Open the files, and register the types that can be."""
        assert self.stack
        self.stack.callback(self._scratch.close)
        for reader in self.readers:
            self.stack.enter_context(reader)
        self.connections = [c for reader in self.readers for c in reader.connections]
        self.typestore = get_typestore(Stores.EMPTY)
        known = [c for c in self.connections if not encoding_of(c)]
        types: Types = {}
        if any(c.msgdef.format is MessageDefinitionFormat.NONE for c in known):
            assert self.default_typestore
            types.update(self.default_typestore.fielddefs)
        for name, found in self._definitions(known):
            types.update(found)
            self._wrong.pop(name, None)
        self._register(types)
        self._check_digests(known)

    def _definitions(self, connections: Sequence[Connection]) -> Iterator[tuple[str, Types]]:
        for connection in connections:
            if connection.msgdef.format is MessageDefinitionFormat.NONE:
                continue
            try:
                yield connection.msgtype, _parsed(connection.msgdef, connection.msgtype)
            except Exception as error:  # rosbags lets out whatever a damaged text causes
                self._wrong[connection.msgtype] = error

    def _register(self, types: Types) -> None:
        """Register all types, or each by itself where one of them is wrong."""
        try:
            self.typestore.register(types)
        except Exception:
            for name, fields in types.items():
                try:
                    self.typestore.register({name: fields})
                except Exception as error:
                    self._wrong[name] = error

    def _check_digests(self, connections: Sequence[Connection]) -> None:
        for connection in connections:
            name, digest = connection.msgtype, connection.digest
            if not digest or name in self._wrong or name not in self.typestore.fielddefs:
                continue
            try:
                have = self.typestore.hash_rihs01(name) if self.is2 else (
                    self.typestore.generate_msgdef(name)[1])
            except Exception as error:
                self._wrong[name] = error
            else:
                if have != digest:
                    self._wrong[name] = ValueError(f'its digest is {digest}, not {have}')

    def deserialize(self, rawdata: bytes, typ: str) -> object:
        """
        Deserialise a message.

        :raises Exception: also when the definition of its type is wrong.
        """
        if typ in self._wrong:
            raise ValueError(f'the definition of {typ} is wrong: {self._wrong[typ]}')
        return super().deserialize(rawdata, typ)


def has_index(reader: AnyReader) -> bool:
    """Return whether several readings of a bag can take turns: not of MCAP without an index."""
    inner = [getattr(one, 'storage', one) for one in reader.readers]
    files = [file for one in inner for file in getattr(one, 'storages', [one])]
    return all(file.chunks for file in files if isinstance(file, storage_mcap.McapReader))


def listed_files(reader: AnyReader) -> list[str]:
    """Return the names of the files that metadata.yaml of an opened folder lists."""
    return [Path(os.fspath(storage.path)).name for storage in _storages(reader)]


def _storages(reader: AnyReader) -> list[Any]:
    return list(reader.readers[0].storage.storages)


def disagreement(reader: AnyReader) -> str:
    """
    Say in what metadata.yaml of an opened folder differs from its files.

    :returns: words that follow `metadata.yaml`; empty where both agree.
    """
    topics = {(c.topic, c.msgtype, repr(c.ext)) for c in reader.connections}
    found = {(c.topic, c.msgtype, repr(c.ext)) for storage in _storages(reader)
             for c in storage.connections if c.msgcount}
    if missing := sorted({topic for topic, *_ in found - topics}):
        return f'says nothing of {", ".join(missing)}, or other'
    count = sum(storage.metadata.message_count for storage in _storages(reader))
    if count != reader.message_count:
        return f'counts {reader.message_count} messages, its files {count}'
    return ''
