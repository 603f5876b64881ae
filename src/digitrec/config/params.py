"""`params.yaml`: its schema, and everything that is wrong with it in one message, before any work."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from digitrec.config.section import DISTINCT, check_values, did_you_mean, known_names, one_of
from digitrec.config.yaml import read_yaml, show
from digitrec.errors import ParamsError
from digitrec.spec import (
    Argument,
    Count,
    FolderSpec,
    Hyperparameters,
    ImageSpec,
    Normalization,
    Optimizer,
    Positive,
    Recipe,
    SearchSettings,
    SearchSpec,
    Seed,
    Spec,
    TrainingSpec,
)

# Of the datasets, those whose class 1 is no handwritten one. Of one's own images, the stages look at the class names.
WITHOUT_ONES = (
    "cifar10",
    "cifar100",
    "emnist_letters",
    "eurosat",
    "fashion_mnist",
    "gtsrb",
    "kmnist",
    "stl10",
    "svhn",
)

# A field's description says what was expected, in the words of the error message.
Auto = Literal["auto"]
Level = Annotated[float, Field(ge=0, le=1)]
Deviation = Annotated[float, Field(gt=0, le=1)]
Choices = Annotated[
    list[Argument],
    Field(min_length=1, description="a list of one or more different values, each a word or a number"),
    DISTINCT,
]


class NormalizeStats(Spec):
    """Section `normalize_stats`."""

    mean: Auto | Level | Annotated[list[Level], Field(min_length=1, max_length=3)] = Field(
        description="a number from 0 to 1, a list of such, one a channel, or 'auto'"
    )
    std: Auto | Deviation | Annotated[list[Deviation], Field(min_length=1, max_length=3)] = Field(
        description="a number above 0 and at most 1, a list of such, one a channel, or 'auto'"
    )


class Explore(Spec):
    """Section `explore`."""

    tsne_images: int = Field(ge=10, description="a whole number >= 10")


class Calibrate(Spec):
    """Section `calibrate`."""

    target_accuracy: float = Field(gt=0, le=1, description="a number above 0 and at most 1")


class Reader(Spec):
    """Section `reader`."""

    max_epochs: Count = Field(description="a whole number >= 1")


class Robustness(Spec):
    """Section `robustness`."""

    baseline_images: Count = Field(description="a whole number >= 1")
    attacked_images: Count = Field(description="a whole number >= 1")


class Space(Spec):
    """Section `search.space`."""

    lr: Annotated[list[Positive], DISTINCT] = Field(
        min_length=1, description="a list of one or more different values, each a number > 0"
    )
    max_epochs: Annotated[list[Count], DISTINCT] = Field(
        min_length=1, description="a list of one or more different values, each a whole number >= 1"
    )
    batch_size: Annotated[list[Count], DISTINCT] = Field(
        min_length=1, description="a list of one or more different values, each a whole number >= 1"
    )
    optimizer: Annotated[list[Optimizer], DISTINCT] = Field(
        min_length=1, description="a list of one or more different values, each adam, rmsprop or sgd"
    )


class Search(SearchSettings):
    """Section `search`."""

    space: Space
    architectures: dict[Annotated[str, one_of("models")], dict[str, Choices]] = Field(
        description="a section a model, each a list of values for every argument"
    )

    def for_model(self, model: str) -> SearchSpec:
        """Give what is searched for one network."""
        settings = self.model_dump(exclude={"architectures"})
        return SearchSpec(**settings, architecture=self.architectures[model])


class PipelineRecipe(Recipe):
    """A section of `recipes`. The pipeline's final training takes a validation split."""

    valid_fraction: float = Field(gt=0, lt=1, description="a number above 0 and below 1")


class Evaluate(Spec):
    """Section `evaluate`."""

    confused_pairs: int = Field(ge=1, le=1000, description="a whole number from 1 to 1000")
    gallery: int = Field(ge=1, le=400, description="a whole number from 1 to 400")


class Params(Spec):
    """All of `params.yaml`; the comments there say what each key means."""

    dataset: Annotated[str, one_of("data/sources")]
    folder: FolderSpec
    model: Annotated[str, one_of("models")]
    recipe: str = Field(description="the name of a recipe")
    seed: Seed = Field(description="a whole number from 0 to 4294967295")
    lr: Auto | Positive = Field(description="a number > 0 or 'auto'")
    batch_size: Auto | Count = Field(description="a whole number >= 1 or 'auto'")
    max_epochs: Auto | Count = Field(description="a whole number >= 1 or 'auto'")
    optimizer: Auto | Optimizer = Field(description="adam, rmsprop, sgd or 'auto'")
    normalize_stats: NormalizeStats
    explore: Explore
    search: Search
    recipes: dict[str, PipelineRecipe] = Field(min_length=1, description="a section a recipe")
    evaluate: Evaluate
    calibrate: Calibrate
    reader: Reader
    robustness: Robustness
    baselines: Annotated[list[Annotated[str, one_of("baselines")]], DISTINCT] = Field(
        min_length=1, description="a list of one or more different baselines"
    )

    @property
    def search_spec(self) -> SearchSpec:
        return self.search.for_model(self.model)

    def recipe_for(self, image: ImageSpec) -> Recipe:
        """Give the chosen recipe.

        Raises
        ------
        ParamsError
            When it makes no sense for such images.
        """
        recipe = self.recipes[self.recipe]
        # Flags are as wide as MNIST's strokes, and light on black.
        of_mnist = (image.shape, image.preparation, image.classes[1]) == ((28, 28, 1), "mnist", "1")
        if recipe.flagged_ones and not of_mnist:
            raise ParamsError(
                [
                    f"recipe: got '{self.recipe}', whose flagged_ones draws on handwritten ones as MNIST has them, but "
                    f"'{self.dataset}' has {', '.join(image.classes[:3])} ... ({image}); expected another recipe, such "
                    "as modern, photographs or drawings"
                ]
            )
        return Recipe.model_validate(recipe.model_dump())

    def training(self, best: Hyperparameters, image: ImageSpec, normalization: Normalization) -> TrainingSpec:
        """Put together all that the final network depends on but the images.

        Parameters
        ----------
        best : Hyperparameters
            The search's winner, which `auto` takes.
        image : ImageSpec
        normalization : Normalization

        Raises
        ------
        ParamsError
            When the recipe makes no sense for such images.
        """
        keys = ("lr", "batch_size", "max_epochs", "optimizer")
        chosen = {key: getattr(best if getattr(self, key) == "auto" else self, key) for key in keys}
        return TrainingSpec(
            **chosen,
            architecture=best.architecture,
            model=self.model,
            recipe=self.recipe_for(image),
            normalization=normalization,
            seed=self.seed,
        )


def load_params(path: Path) -> Params:
    """Read and check all of `params.yaml`.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Params
        Typed and immutable.

    Raises
    ------
    ParamsError
        Naming every mistake: key, value and what was expected.
    """
    values = read_yaml(path)
    params, mistakes = check_values(Params, values)
    mistakes += _joint_mistakes(values)
    if params is None or mistakes:
        raise ParamsError(mistakes, path.name)
    return params


def _joint_mistakes(values: dict) -> Iterator[str]:
    """What is wrong only between keys. `values` may hold other mistakes, so nothing is taken for granted."""
    recipes, recipe = values.get("recipes"), values.get("recipe")
    if isinstance(recipes, dict) and isinstance(recipe, str) and recipe not in recipes:
        names = sorted(map(str, recipes))
        yield f"recipe: got {show(recipe)}, expected one of {', '.join(names)}{did_you_mean(recipe, names)}"
    chosen = recipes.get(recipe) if isinstance(recipes, dict) and isinstance(recipe, str) else None
    if isinstance(chosen, dict) and chosen.get("flagged_ones") and values.get("dataset") in WITHOUT_ONES:
        yield (
            f"recipe: got {show(recipe)}, whose flagged_ones draws on handwritten ones, but {values['dataset']} has "
            "none; expected another recipe, such as modern"
        )
    search = values.get("search")
    if not isinstance(search, dict):
        return
    architectures, model = search.get("architectures"), values.get("model")
    if isinstance(architectures, dict) and model in known_names("models") and model not in architectures:
        yield f"search.architectures: has no section for the model '{model}'; add `{model}: {{}}`"
    least, most = search.get("min_images"), search.get("max_images")
    if isinstance(least, int) and isinstance(most, int) and 1 <= most < least:
        yield f"search.max_images: got {most}, expected at least min_images ({least})"
