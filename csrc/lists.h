/* Nested lists of floats as an array: for the arguments of compiled functions. */

enum { MOST_AXES = 16 };

typedef struct {
    Py_ssize_t shape[MOST_AXES];
    PyTypeObject *type[MOST_AXES]; /* list or tuple, the same all along an axis */
    int axes;
    Py_ssize_t count;
} Nested;

static PyObject *item_of(PyObject *x, Py_ssize_t i) { /* a borrowed reference */
    return PyList_CheckExact(x) ? item_at(x, i) : PyTuple_GetItem(x, i);
}

static int is_sequence(PyObject *x) { return PyList_CheckExact(x) || PyTuple_CheckExact(x); }

/* The axes, as of the first item of each; 0 if they do not end in a float. */
static int measure(Nested *nested, PyObject *x) {
    nested->count = 1;
    for (nested->axes = 0; is_sequence(x); nested->axes++) {
        Py_ssize_t length = PyObject_Length(x);
        if (nested->axes == MOST_AXES || length < 1) return 0;
        if (nested->count > PY_SSIZE_T_MAX / (Py_ssize_t)sizeof(double) / length) return 0;
        nested->shape[nested->axes] = length;
        nested->type[nested->axes] = Py_TYPE(x);
        nested->count *= length;
        x = item_of(x, 0);
    }
    return nested->axes && PyFloat_CheckExact(x);
}

/* Where the numbers of x end that are written from `to` on; NULL if x is not as measured. */
static double *fill(const Nested *nested, PyObject *x, int axis, double *to) {
    const Py_ssize_t n = nested->shape[axis];
    if (Py_TYPE(x) != nested->type[axis] || PyObject_Length(x) != n) return NULL;
    for (Py_ssize_t i = 0; to && i < n; i++) {
        PyObject *item = item_of(x, i);
        if (axis + 1 < nested->axes) to = fill(nested, item, axis + 1, to);
        else if (!PyFloat_CheckExact(item)) return NULL;
        else *to++ = PyFloat_AsDouble(item);
    }
    return to;
}

/* floats_in(x): (float64 as bytes, shape) of nested lists or tuples of floats, else None */
static PyObject *function_floats_in(PyObject *module, PyObject *x) {
    Nested nested;
    if (!measure(&nested, x)) return Py_NewRef(Py_None);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, nested.count * (Py_ssize_t)sizeof(double));
    if (!bytes) return NULL;
    if (!fill(&nested, x, 0, (double *)(void *)PyBytes_AsString(bytes))) {
        Py_DECREF(bytes);
        return Py_NewRef(Py_None);
    }
    PyObject *shape = PyTuple_New(nested.axes);
    for (int i = 0; shape && i < nested.axes; i++)
        PyTuple_SetItem(shape, i, PyLong_FromSsize_t(nested.shape[i]));
    PyObject *result = shape ? PyTuple_Pack(2, bytes, shape) : NULL;
    Py_DECREF(bytes);
    Py_XDECREF(shape);
    return result;
}

/* floats_into(x, layout, array): write such lists into a float64 array of as many numbers; False if
   they are not as the layout says, the type and length of each axis, and some may be written then */
static PyObject *function_floats_into(PyObject *module, PyObject *args) {
    PyObject *x, *layout, *array;
    if (!PyArg_ParseTuple(args, "OO!O", &x, &PyTuple_Type, &layout, &array)) return NULL;
    Nested nested;
    if (!measure(&nested, x) || PyTuple_Size(layout) != 2 * nested.axes) return Py_NewRef(Py_False);
    for (int i = 0; i < nested.axes; i++)
        if (PyTuple_GetItem(layout, 2 * i) != (PyObject *)nested.type[i]
            || PyLong_AsSsize_t(PyTuple_GetItem(layout, 2 * i + 1)) != nested.shape[i])
            return PyErr_Occurred() ? NULL : Py_NewRef(Py_False);
    Py_buffer numbers;
    if (PyObject_GetBuffer(array, &numbers, PyBUF_CONTIG) < 0) return NULL;
    const int fits = numbers.len == nested.count * (Py_ssize_t)sizeof(double);
    if (!fits) PyErr_SetString(PyExc_ValueError, "floats_into needs room for all numbers");
    const int well = fits && fill(&nested, x, 0, numbers.buf);
    PyBuffer_Release(&numbers);
    return fits ? Py_NewRef(well ? Py_True : Py_False) : NULL;
}
