"""Kinds of layer: one file each, and the one place to add a kind.

A kind brings a frozen `Layer` value (its genes, its text, its output shape, its parameters and MACs by
arithmetic, its standalone module) and an elastic module (the shared weights of one position of the supernet,
sliced to a layer). `suite.space` strings kinds together into stages.
"""

from suite.blocks.conv import ConvBlock, ConvLayer, ConvStep, ElasticConv, activated, pooled
from suite.blocks.dense import (
    LOG2_E,
    ClassifierStep,
    DenseBlock,
    DenseLayer,
    DenseStep,
    Dropout,
    ElasticClassifier,
    ElasticDense,
    undrawn_linear,
)
from suite.blocks.layer import Layer, Norm, Shape

__all__ = [
    "LOG2_E",
    "ClassifierStep",
    "ConvBlock",
    "ConvLayer",
    "ConvStep",
    "DenseBlock",
    "DenseLayer",
    "DenseStep",
    "Dropout",
    "ElasticClassifier",
    "ElasticConv",
    "ElasticDense",
    "Layer",
    "Norm",
    "Shape",
    "activated",
    "pooled",
    "undrawn_linear",
]
