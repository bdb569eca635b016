"""``croissant.json``: a data set as catalogues and loaders of machine learning describe it.

Croissant 1.1 (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html) with its
responsible-AI terms (``rai:``): the files and their sha256, the tables and their columns, what the
data are made of and what they are no good for. Everything follows from the manifest and the files.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stemdist_ray.artifact.manifest import Manifest
from stemdist_ray.artifact.tensors import row_of
from stemdist_ray.system.free_memory import in_words
from stemdist_ray.system.seal import file_hash

CROISSANT = "croissant.json"
UNKNOWN_LICENSE = "unknown"

_FORMATS = {
    ".json": "application/json",
    ".npz": "application/zip",
    ".parquet": "application/x-parquet",
}
_TABLES = {
    "synthetic": "A row per synthetic window. Values are scaled: reading = value * std + mean.",
    "clusters": "A row per synthetic location: how many real locations it stands for.",
    "locations": "A row per real location: which synthetic location stands for it.",
}
_COLUMNS = {
    "window": "Number of the window.",
    "x": "Synthetic inputs (lookback, synthetic location, feature), scaled.",
    "y": "Synthetic targets (horizon, synthetic location), scaled.",
    "calendar": "Calendar inputs (lookback, column).",
    "base_offset": "What the base adds to its map of the lags (horizon, synthetic location).",
    "cluster": "Number of the synthetic location.",
    "size": "Real locations that the synthetic one stands for; its weight in a loss.",
    "medoid": "Position of the real location nearest to the centre of the cluster.",
    "weight": "Weight of the row in a loss.",
    "id": "Id of the real location.",
    "coordinate_0": "First coordinate of the real location, as the source has it.",
    "coordinate_1": "Second coordinate of the real location.",
}
_CITATION = "STemDist, arXiv:2603.10410, https://arxiv.org/abs/2603.10410"


def croissant(manifest: Manifest, folder: Path, names: Collection[str]) -> dict[str, Any]:
    """Describe the data set in a folder.

    Args:
        manifest: Of the data set.
        folder: Where its files are, all but manifest and card.
        names: Of those files.

    Returns:
        JSON-LD. It does not depend on where the folder is, nor on the manifest's own hash.
    """
    source, size = manifest.source, manifest.size
    name = " ".join(source.name.split()) or "unnamed"
    first, last = source.first_time, source.last_time
    frame = {} if first is None or last is None else {"rai:dataCollectionTimeFrame": [first, last]}
    made_from = (
        f"{name}: {source.steps} steps of {source.locations} locations, content hash {source.hash}"
    )
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": f"Distilled data set: {name}",
        "description": (
            f"Synthetic data: {size.windows} windows of {size.locations} synthetic locations, "
            f"made from {size.real_windows} train windows of {size.real_locations} real "
            f"locations ({in_words(size.bytes)} for {in_words(size.real_bytes)}), for training "
            f"forecasters ({size.lookback} steps in, {size.horizon} steps out). Made from "
            f"{made_from}."
        ),
        "conformsTo": [
            "http://mlcommons.org/croissant/1.1",
            "http://mlcommons.org/croissant/RAI/1.0",
        ],
        "license": license_of(manifest),
        "version": "1.0.0",
        "keywords": ["synthetic", "dataset distillation", "spatio-temporal", "forecasting"],
        "citeAs": _CITATION,
        "isLiveDataset": False,
        "prov:wasDerivedFrom": made_from,
        "prov:wasGeneratedBy": (
            f"method {manifest.config.method}, seed {manifest.seed}, schema version "
            f"{manifest.schema_version} of the files"
        ),
        **frame,
        **_responsible(manifest),
        "distribution": [_file(folder / name) for name in sorted(names)],
        "recordSet": [
            _records(folder / f"{table}.parquet", table, about) for table, about in _TABLES.items()
        ],
    }


def license_of(manifest: Manifest) -> str:
    """The licence that the run was told of, as a name or address."""
    return manifest.config.license or UNKNOWN_LICENSE


def _responsible(manifest: Manifest) -> dict[str, str]:
    """What somebody must know who is to use the data responsibly."""
    source, split = manifest.source, manifest.config.data.split
    return {
        "rai:dataCollection": (
            f"Made by an algorithm (method {manifest.config.method}) from the train split (the "
            f"first {split[0]:.0%} of the steps) of the source: windows are readings of single "
            "locations, means of groups of them, or were learned from these; targets are readings, "
            "forecasts of a model, or learned."
        ),
        "rai:dataCollectionType": "Synthetic data",
        "rai:dataCollectionMissingData": (
            f"{source.missing_share:.2%} of the readings of the source were missing."
        ),
        "rai:dataPreprocessingProtocol": (
            "Each feature was scaled by mean and standard deviation of the train split; locations "
            "were grouped, and each group is one synthetic location."
        ),
        "rai:dataUseCases": (
            "Training and comparing forecasters of "
            f"{' '.join(manifest.target.name.split())} at lower cost than on the source."
        ),
        "rai:dataLimitations": (
            "What is a reading and what was learned is not told apart: single windows must not be "
            "used as observations. What the data lack "
            "of the source (rare events, differences within a group) a forecaster cannot learn "
            "from them; check it on real readings."
        ),
        "rai:dataBiases": (
            "Those of the source. Locations that few others resemble count little, and errors at "
            "them can be larger than the mean says."
        ),
        "rai:personalSensitiveInformation": (
            "Not assessed, and nothing was done to anonymise: windows may be readings of single "
            "real locations, locations.parquet has the ids (and coordinates, where the source has "
            "them) of all of them, encoder_input.parquet the mean of their train windows."
        ),
    }


def _file(path: Path) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "contentUrl": path.name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": _FORMATS.get(path.suffix, "application/octet-stream"),
        "sha256": file_hash(path),
    }


def _records(path: Path, table: str, about: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        "description": about,
        "field": [_field(field, table, path.name) for field in pq.read_schema(path)],
    }


def _field(field: pa.Field, table: str, file: str) -> dict[str, Any]:
    shape, kind = row_of(field.type)
    array = {"isArray": True, "arrayShape": ",".join(map(str, shape))} if shape else {}
    plain = pa.types.is_string(kind), pa.types.is_integer(kind)
    return {
        "@type": "cr:Field",
        "@id": f"{table}/{field.name}",
        "name": field.name,
        "description": _COLUMNS[field.name],
        "dataType": {(True, False): "sc:Text", (False, True): "sc:Integer"}.get(plain, "sc:Float"),
        **array,
        "source": {"fileObject": {"@id": file}, "extract": {"column": field.name}},
    }


_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
